"""The rotating five-well system of Prinz."""

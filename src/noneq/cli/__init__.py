"""The command line: one verb for each step of the main job."""

from noneq.cli.app import main as main, run as run

"""Denoising: process x schedule x target x weight x sampler."""

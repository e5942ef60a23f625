"""``python -m noneq``: the command line."""

from noneq.cli import main


if __name__ == "__main__":
    main()

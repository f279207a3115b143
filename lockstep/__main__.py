"""`python -m lockstep`: the command `lockstep`."""

from lockstep.service.cli import main

if __name__ == "__main__":
    main()

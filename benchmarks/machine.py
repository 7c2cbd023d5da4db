"""The machine that figures come from, in a line, with how busy it was."""

import os
import platform

import psutil


def described() -> str:
    """Cores, memory and load: figures of a busy machine are not to be compared."""
    memory = psutil.virtual_memory().total / 1e9
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"Python {platform.python_version()}, load {load}"
    )

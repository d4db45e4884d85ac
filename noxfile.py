"""The test suite on every supported Python, with the oldest and the newest NumPy."""

import nox

nox.options.sessions = ["tests"]


@nox.session(python=["3.11", "3.12", "3.13"])
@nox.parametrize("numpy", ["oldest", "newest"])
def tests(session: nox.Session, numpy: str) -> None:
    """Oldest: NumPy 2.0, or the first with wheels for this Python."""
    oldest = {"3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0"}[str(session.python)]
    session.install(".[test]", *([f"numpy=={oldest}"] if numpy == "oldest" else []))
    session.run("python", "-m", "pytest", "-q", *session.posargs)

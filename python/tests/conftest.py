import os

# before anything imports SciPy: without it, scikit-learn skips one of its checks
os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_sessionfinish(session, exitstatus):
    # a name that is asked for may be in another part of the project
    if exitstatus == 5 and session.config.option.keyword:
        session.exitstatus = 0

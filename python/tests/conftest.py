import os

# before anything imports SciPy: without it, scikit-learn skips one of its checks
os.environ.setdefault("SCIPY_ARRAY_API", "1")

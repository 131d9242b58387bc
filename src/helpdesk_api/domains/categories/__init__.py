"""The tree that tickets are filed under, and the matrix that gives them their priority."""

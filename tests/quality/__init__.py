"""How good the answers are, on real texts, against plain baselines computed in the same run."""

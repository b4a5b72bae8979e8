"""The slow truth that fast frames are judged by: every X-ray quantum and its light, one by one."""

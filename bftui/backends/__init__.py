"""Whatever can give a next-token distribution, one file for each runtime, and the process that hosts one."""

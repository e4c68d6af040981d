"""What is in memory as a data set, with the checks and the words of files."""

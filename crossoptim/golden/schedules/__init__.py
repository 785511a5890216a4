"""Golden learning rates: cases of schedules, their exact values, and their fixture files."""

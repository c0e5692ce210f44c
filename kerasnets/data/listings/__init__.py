"""What is listed before any image is opened: names in folders, layouts of folders, rows of tables."""

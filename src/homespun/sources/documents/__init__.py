"""Documents of the user's: text, Markdown, HTML, PDF and DOCX files, or records of a data file, cut into pieces."""

"""Files in, elements, tables and pictures out: PDFs and office documents."""

"""Pictures, tables and sentences about models and results; nothing is changed."""

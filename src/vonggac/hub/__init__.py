"""Where facts from below meet the database. No HTTP here."""

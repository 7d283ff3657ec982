-- In TiDB the value of a default belongs to the table, not to the row. MySQL exchanges no tables with a column that was added at once.
ALTER TABLE p ADD COLUMN x INT DEFAULT 5, ALGORITHM=COPY;
ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE n;

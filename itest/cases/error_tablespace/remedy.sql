-- No file can be imported through a connection: a table without one can only go.
DROP TABLE t;

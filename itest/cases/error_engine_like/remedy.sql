DROP TABLE u, left_out;

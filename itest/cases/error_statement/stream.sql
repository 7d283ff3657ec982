SET SESSION binlog_format = 'STATEMENT';
UPDATE t SET v = 2;

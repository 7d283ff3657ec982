// What programs do with the client mysql2 at the admin port. The migration js
// replicates. The last line says done.
'use strict';

const assert = require('node:assert/strict');
const callbacks = require('mysql2');
const mysql = require('mysql2/promise');

const options = {
  host: process.env.ADMIN_HOST,
  port: Number(process.env.ADMIN_PORT),
  user: 'root',
  password: process.env.ADMIN_PASSWORD,
};

// The interface with callbacks: connect, query, ping, end.
function plain() {
  return new Promise((resolve, reject) => {
    const c = callbacks.createConnection(options);
    c.on('error', reject);
    c.query('SHOW NODES', (err, rows, fields) => {
      if (err) return reject(err);
      assert.deepEqual(rows.map((r) => r.Node).sort(), ['n1', 'n2']);
      assert.equal(fields[0].name, 'Node');
      c.ping((err) => (err ? reject(err) : c.end((err) => (err ? reject(err) : resolve()))));
    });
  });
}

async function queries(c) {
  const [one] = await c.query('SELECT 1 + 1 AS solution');
  assert.equal(one[0].solution, 2);
  const [shown] = await c.query('SHOW MIGRATIONS');
  const js = shown.find((r) => r.Migration === 'js');
  assert.equal(js.Phase, 'REPLICATE');
  assert.equal(js.Status, 'RUNNING');
  assert.equal(js.Tables_Total, 1);
  assert.equal(js.ETA_Seconds, null);
  assert.ok(js.Created_At instanceof Date && Date.now() - js.Created_At < 3600e3);
  assert.ok(Object.keys(js).length >= 19);
  for (const q of ['SHOW MIGRATION STATUS', 'SHOW MIGRATION CHANNELS', 'SHOW WORKERS', 'SHOW OPERATIONS', 'SHOW REPLICA STATUS', 'SHOW VARIABLES', 'SHOW PROCESSLIST']) {
    const [text] = await c.query({ sql: q, rowsAsArray: true });
    const [binary] = await c.execute({ sql: q, rowsAsArray: true });
    assert.ok(text.length > 0, q);
    assert.equal(binary.length, text.length, q);
    assert.equal(binary[0].length, text[0].length, q);
  }
}

async function parameters(c) {
  for (let i = 0; i < 2; i++) { // the second time the statement is there already
    const [rows] = await c.execute(
      'SELECT migration, phase FROM sluice.migrations WHERE migration = ? AND tables_total < ? ORDER BY 1 LIMIT ?', ['js', 1e6, 5]);
    assert.deepEqual(rows, [{ migration: 'js', phase: 'REPLICATE' }]);
  }
  const [like] = await c.execute('SHOW MIGRATIONS LIKE ?', ['j_']);
  assert.equal(like.length, 1);
  const [values] = await c.execute('SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f',
    [null, true, 1.5, 12345678901234567890n, Buffer.from("it's"), { x: 1 }]);
  assert.deepEqual(values, [{ a: null, b: 1, c: 1.5, d: '12345678901234567890', e: "it's", f: '{"x":1}' }]);
  const s = await c.prepare('SELECT ? + ? AS sum');
  const [sum] = await s.execute([1, 2]);
  assert.equal(sum[0].sum, 3);
  await s.close();
}

async function changes(c) {
  const [made] = await c.execute('CREATE SOURCE js2 SOURCE_HOST=?, SOURCE_PORT=?, SOURCE_USER=?', ['127.0.0.1', 1, 'u']);
  assert.equal(made.affectedRows, 1);
  assert.ok(made.insertId > 0);
  assert.match(made.info, /js2/);
  const [gone] = await c.query('DROP SOURCE js2');
  assert.equal(gone.affectedRows, 1);
  const [none] = await c.query('DROP SOURCE IF EXISTS js2');
  assert.equal(none.warningStatus, 1);
  const [warnings] = await c.query('SHOW WARNINGS');
  assert.equal(warnings[0].Code, 61002);
}

async function errors(c) {
  await assert.rejects(c.query('SHOW MIGRATOINS'), { errno: 1064, code: 'ER_PARSE_ERROR', sqlState: '42000' });
  await assert.rejects(c.execute('DROP SOURCE none'), { errno: 61002, sqlState: '42S02', sqlMessage: /unknown source 'none'.*Remedy/ });
  await assert.rejects(c.execute('SELECT none FROM sluice.nodes'), { errno: 1054, code: 'ER_BAD_FIELD_ERROR' });
  await assert.rejects(mysql.createConnection({ ...options, password: 'x' }), { errno: 1045, code: 'ER_ACCESS_DENIED_ERROR' });
  await assert.rejects(mysql.createConnection({ ...options, database: 'none' }), { errno: 1049, code: 'ER_BAD_DB_ERROR' });
}

// A session that is reset, or another user's, and goes on.
async function sessions(c) {
  const nodes = async (from) => {
    const [rows] = await c.execute(`SELECT node FROM ${from} WHERE node = ?`, ['n1']);
    assert.deepEqual(rows, [{ node: 'n1' }]);
  };
  await nodes('sluice.nodes');
  await c.query('SET @a = 5');
  await c.reset();
  const [a] = await c.query('SELECT @a AS a');
  assert.equal(a[0].a, null);
  await nodes('sluice.nodes');
  await c.changeUser({ user: 'root', password: options.password, database: 'sluice' });
  const [db] = await c.query('SELECT DATABASE() AS db');
  assert.equal(db[0].db, 'sluice');
  await nodes('nodes');
  await c.beginTransaction();
  await c.commit();
  await c.beginTransaction();
  await c.rollback();
  await c.ping();
}

async function pools() {
  const pool = mysql.createPool({ ...options, connectionLimit: 3, resetOnRelease: true });
  const answers = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((i) => pool.execute('SELECT ? AS i', [i])));
  assert.deepEqual(answers.map(([rows]) => rows[0].i), [1, 2, 3, 4, 5, 6, 7]);
  const c = await pool.getConnection();
  await c.changeUser({ database: 'sluice' });
  const [rows] = await c.execute('SELECT node FROM nodes WHERE node = ?', ['n2']);
  assert.equal(rows.length, 1);
  c.release();
  await pool.end();
}

async function encrypted() {
  const c = await mysql.createConnection({ ...options, ssl: { rejectUnauthorized: false } });
  const [rows] = await c.query("SHOW STATUS LIKE 'Ssl_cipher'");
  assert.match(rows[0].Value, /^TLS_/);
  await c.end();
}

async function main() {
  await plain();
  const c = await mysql.createConnection(options);
  for (const step of [queries, parameters, changes, errors, sessions]) await step(c);
  await c.end();
  await pools();
  await encrypted();
}

main().then(
  () => console.log('done'),
  (err) => {
    console.error(err);
    process.exit(1);
  },
);

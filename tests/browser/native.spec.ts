// The native command against the same hostile server as the browser.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { cases, pooled, printTable, type Row } from './faults';
import { expect, full, SMOLLM2, test as base } from './fixtures';
import { AT_MOST, cut, largeModel, model, numbers, PIECE, right, sha256, smallModel } from './hostile';

const program = join(root, 'target/debug', process.platform === 'win32' ? 'minke.exe' : 'minke');

/** The command with a folder of its own for models. */
const test = base.extend<{ cache: string }>({
  cache: async ({}, use) => {
    if (!existsSync(program)) throw new Error(`${program} is missing: cargo build --features cli`);
    const folder = mkdtempSync(join(tmpdir(), 'minke-cache-'));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
});

interface Kept {
  id: string;
  url: string;
  keptBytes: number;
  complete: boolean;
  files: { sha256: string | null }[];
}

/** Starts the command; `done` resolves with what it printed. */
function start(cache: string, ...args: string[]) {
  const child = spawn(program, [...args, '--cache', cache, '--json', '--quiet']);
  const output = { out: '', err: '' };
  child.stdout.on('data', (text) => (output.out += text));
  child.stderr.on('data', (text) => (output.err += text));
  const done = new Promise<{ status: number | null; message: string; value: unknown }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) =>
      resolve({ status, message: output.err.trim(), value: status === 0 ? JSON.parse(output.out) : undefined }),
    );
  });
  return { child, done };
}

/** Downloads; the hash of the file, or what was wrong. */
async function pull(cache: string, url: string, ...args: string[]) {
  const { status, message, value } = await start(cache, 'pull', url, ...args).done;
  return { status, message, sha256: (value as Kept | undefined)?.files[0]?.sha256 };
}

test('natively, a download that is cut at any byte ends verified', async ({ cache, server }) => {
  const file = full ? largeModel() : smallModel();
  const hash = sha256(file);
  const random = numbers(19);
  const cuts = Array.from({ length: 50 }, () => random() % file.length);
  const rows = await pooled(4, cuts, async (at) => {
    const session = server.serve(cut(at), { file });
    const { message, sha256 } = await pull(cache, session.url);
    return { session, row: [`cut at byte ${at}`, sha256 === hash ? 'verified' : `other bytes ${message}`] };
  });
  printTable(rows);
  for (const { session, row } of rows) {
    expect(row[1], row[0]).toBe('verified');
    expect(session.again, row[0]).toBeLessThanOrEqual(PIECE);
  }
});

test('natively, whatever a server does, a download ends verified or in an error that says what to do', async ({
  cache,
  server,
}) => {
  // hashes that are known beforehand are the package's; what takes a minute is for full runs
  const some = cases(server).filter(({ known, slow }) => !known && (full || !slow));
  const rows = await pooled(full ? some.length : 8, some, async ({ name, session, expected, most, hash }) => {
    const { status, message, sha256 } = await pull(cache, session.url);
    const code = status === 0 ? (sha256 === hash() ? 'verified' : 'other bytes') : message.slice(0, 60);
    return { session, row: [name, code], status, message, expected, most };
  });
  printTable(rows);
  for (const { session, row, status, message, expected, most } of rows) {
    const [code, words] = expected.native;
    if (code === 'verified') expect.soft(row[1], `${row[0]}: ${message}`).toBe(code);
    expect.soft(status, row[0]).toBe(code === 'verified' ? 0 : 1);
    expect.soft(message, row[0]).toMatch(words);
    expect.soft(session.again, row[0]).toBeLessThanOrEqual(most);
  }
});

test('natively, a process that is killed while it downloads loses at most what was on its way', async ({
  cache,
  server,
}) => {
  const file = full ? readFileSync(join(root, '.cache', SMOLLM2)) : largeModel();
  const kills = 20;
  const random = numbers(21);
  const session = server.serve(right, { file });
  const rows: Row[] = [];
  for (let kill = 1; kill <= kills; kill++) {
    const before = session.again;
    session.stop = Math.floor((file.length * kill) / (kills + 1));
    const { child } = start(cache, 'pull', session.url);
    await session.reaches(session.stop);
    await new Promise((resolve) => setTimeout(resolve, random() % 50));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    rows.push({ row: [`kill ${kill} after ${session.stop} bytes`, 'resumed'], again: session.again - before });
  }
  session.stop = Infinity;
  const models = (await start(cache, 'models').done).value as Kept[];
  const { keptBytes = 0 } = models[0] ?? {};
  const before = session.served;
  const { message, sha256: hash } = await pull(cache, session.url);
  printTable(rows);
  expect(hash, message).toBe(sha256(file));
  expect(keptBytes).toBeGreaterThan(file.length - AT_MOST);
  expect(session.served - before, 'after the last kill').toBe(file.length - keptBytes);
  for (const { row, again } of rows) expect(again, row[0]).toBeLessThanOrEqual(AT_MOST);
});

test('natively, two processes download once, headers stay with their host, and what is kept can be deleted', async ({
  cache,
  server,
}) => {
  const session = server.serve(right);
  session.stop = 3_000_000;
  const first = pull(cache, session.url, '--header', 'Authorization: Bearer secret');
  await session.reaches(session.stop);
  const second = pull(cache, session.url);
  await new Promise((resolve) => setTimeout(resolve, 300)); // it asks for the lock
  session.stop = Infinity;
  for (const { sha256: hash, message } of [await first, await second]) expect(hash, message).toBe(sha256(model()));
  expect(session.served).toBe(model().length);
  for (const { headers } of session.requests) expect(headers.authorization).toBe('Bearer secret');

  const { done } = start(cache, 'models');
  const [kept] = (await done).value as Kept[];
  expect(kept).toMatchObject({ url: session.url, complete: true, keptBytes: model().length });
  expect(readFileSync(join(cache, kept?.id ?? '', '1.jsonl'), 'utf8')).not.toContain('secret');
  expect(await start(cache, 'rm', kept?.id ?? '').done).toMatchObject({ status: 0 });
  expect(await start(cache, 'models').done).toMatchObject({ value: [] });
  const mirrored = server.serve(right);
  const url = mirrored.url.replace(server.url, 'https://models.invalid');
  expect(await pull(cache, url, '--mirror', server.url)).toMatchObject({ sha256: sha256(model()) });
});

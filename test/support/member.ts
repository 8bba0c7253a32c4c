// One process that uses the embedded server: joins, says so in a line of JSON, and leaves on SIGINT or SIGTERM. Its one
// argument holds the options as JSON.
import { once } from 'node:events';
import { joinEmbeddedServer } from '../../src/store/embedded.ts';

const stop = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
const notices: string[] = [];
try {
  const options = JSON.parse(process.argv[2] ?? '{}');
  const server = await joinEmbeddedServer({ ...options, notice: line => notices.push(line) });
  console.log(JSON.stringify({ url: server.url, notices }));
  const held = setInterval(() => {}, 60_000);
  await stop;
  clearInterval(held);
  await server.leave();
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  process.exitCode = 1;
}

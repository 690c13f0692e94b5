// Tries to get out of a worker of the app's own, which has the policy of its own response, and says whether that forbade it.

const host = 'worker.leak-test.invalid';
const ways = ['https', 'wss'];
const forbidden = new Set<string>();

addEventListener('securitypolicyviolation', ({ blockedURI }) => {
  for (const way of ways) if (blockedURI.startsWith(`${way}://${host}`)) forbidden.add(way);
  if (forbidden.size === ways.length) postMessage('blocked');
});
/** How many milliseconds the browser has for it. */
addEventListener('message', ({ data }: MessageEvent<number>) => setTimeout(() => postMessage('out'), data));

fetch(`https://${host}/`).catch(() => {}); // what became of it is told by the event
new WebSocket(`wss://${host}/`);

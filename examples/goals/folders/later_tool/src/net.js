export const DEFAULT_TIMEOUT = 8000;
const CONNECT_TIMEOUT = 2500;

export class FeedTimeout extends Error {}

export async function get(url, { timeout = DEFAULT_TIMEOUT } = {}) {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeout) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.text();
}

export async function reachable(host) {
  return get(host, { timeout: CONNECT_TIMEOUT }).then(() => true, () => false);
}

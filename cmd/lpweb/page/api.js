// Calls of the server. The secret stands in the fragment of the address, which no request sends.

const secret = new URLSearchParams(location.hash.slice(1)).get('k') ?? '';

// Sends bytes, after those of another text where there is one, and returns the response.
export async function send(name, parameters, text, { beside, signal } = {}) {
  const query = new URLSearchParams(parameters);
  if (beside) query.set('beside', beside.length);
  const response = await fetch(`/api/${name}?${query}`, {
    method: 'POST',
    headers: { 'Lpweb-Key': secret, 'Content-Type': 'application/octet-stream' },
    body: beside ? new Blob([beside, text]) : text,
    signal,
  });
  if (!response.ok) throw new Error((await response.text()).trim() || `the server says ${response.status}`);
  return response;
}

export const ask = async (...args) => (await send(...args)).json();
export const fetchBytes = async (...args) => new Uint8Array(await (await send(...args)).arrayBuffer());

// Runs the latest of several calls: a new one ends the one before, whose result is no longer wanted.
export class Latest {
  async run(work) {
    this.controller?.abort();
    const controller = this.controller = new AbortController();
    try {
      return await work(controller.signal);
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      throw error instanceof TypeError ? new Error('lpweb does not answer: it may have ended') : error;
    }
  }
}

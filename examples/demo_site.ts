/**
 * The demo's local web service: a page, the header fields that it was asked with, and a stream of events.
 *
 * @module
 */

const EVENT_INTERVAL_MS = 1_000;

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>FerroTunnel demo</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #1b1f24; }
  h1 { font-size: 1.6rem; } pre { background: #f2f4f7; padding: 1rem; overflow: auto; border-radius: 6px; }
  #clock { font-variant-numeric: tabular-nums; font-weight: 600; }
</style>
<h1>Hello from a service that only the tunnel can reach</h1>
<p>Server-sent events, one a second, passed on as they come: <span id="clock">…</span></p>
<p>What the service was told about you:</p>
<pre id="fields">…</pre>
<script>
  new EventSource("/events").onmessage = (event) => { document.getElementById("clock").textContent = event.data; };
  fetch("/fields").then((response) => response.text()).then((text) => {
    document.getElementById("fields").textContent = text;
  });
</script>
</html>
`;

/** Answers one request to the demo's service. */
export function demoSite(request: Request): Response {
  switch (new URL(request.url).pathname) {
    case "/":
      return new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } });
    case "/fields":
      return new Response([...request.headers].map(([name, value]) => `${name}: ${value}\n`).join(""));
    case "/events":
      return new Response(events(), {
        headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
      });
    default:
      return new Response("Nothing is here\n", { status: 404 });
  }
}

/** The time, once a second, until the reader leaves. */
function events(): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setInterval> | undefined;
  return new ReadableStream({
    start(controller): void {
      const tick = (): void => controller.enqueue(encoder.encode(`data: ${new Date().toISOString()}\n\n`));
      tick();
      timer = setInterval(tick, EVENT_INTERVAL_MS);
    },
    cancel(): void {
      clearInterval(timer);
    },
  });
}

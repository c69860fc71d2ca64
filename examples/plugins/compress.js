/**
 * A plugin in plain JavaScript, which programs compiled with Deno can load too: compresses text for visitors that take it.
 *
 *     http:
 *       plugins:
 *         gzip: { type: module, path: ./compress.js }
 *       use: [gzip]
 *
 * @module
 */

const TEXT = /^(?:text\/(?!event-stream)|application\/(?:json|javascript|xml)|image\/svg)/i;

/** Makes the plugin. */
export default function compress(_options, { name }) {
  return {
    name,
    failOpen: true,
    onResponse(response, request) {
      const { headers } = response;
      const accepts = /(?:^|[\s,])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(
        request.headers.get("accept-encoding") ?? "",
      );
      const plain = response.from === "service" && response.status === 200 && request.method !== "HEAD" &&
        !headers.has("content-encoding") && TEXT.test(headers.get("content-type") ?? "") &&
        !/no-transform/i.test(headers.get("cache-control") ?? "");
      if (!plain) return undefined;
      headers.append("Vary", "Accept-Encoding");
      if (!accepts) return undefined;
      headers.set("Content-Encoding", "gzip");
      headers.delete("ETag");
      return { body: new CompressionStream("gzip") };
    },
  };
}

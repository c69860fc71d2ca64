/**
 * Heads to be parsed: what a program that measures sends, and what a browser sends.
 *
 * @module
 */

const LINES = {
  small: ["GET / HTTP/1.1", "Host: bench.test"],
  browser: [
    "GET /articles/2026/11/how-tunnels-work?from=front-page HTTP/1.1",
    "Host: bench.test",
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Sec-Fetch-Dest: document",
    "Referer: http://bench.test/",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    `Cookie: session=${"0123456789abcdef".repeat(4)}; theme=dark`,
  ],
};

/** The heads, by name. */
export const REQUESTS: Readonly<Record<keyof typeof LINES, Uint8Array>> = {
  small: headOf(LINES.small),
  browser: headOf(LINES.browser),
};

function headOf(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n");
}

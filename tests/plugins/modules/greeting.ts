/** What is said. */
export function greeting(whom: unknown): string {
  return `Hello ${String(whom)}`;
}

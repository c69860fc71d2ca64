/** A plugin of TypeScript with a relative import. */
import { greeting } from "./greeting.ts";

/** Makes the plugin. */
export default function greet(options: Readonly<Record<string, unknown>>): {
  readonly name: string;
  onRequest(request: { readonly headers: { set(name: string, value: string): void } }): undefined;
} {
  return {
    name: "its own idea of a name",
    onRequest(request): undefined {
      request.headers.set("x-greeting", greeting(options.whom));
    },
  };
}

export const plugin = { name: "a" };

export default async (options) => {
  await Promise.resolve();
  return { onRequest: () => ({ answer: { status: options.status } }) };
};

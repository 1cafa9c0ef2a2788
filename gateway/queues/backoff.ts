/** Milliseconds to wait before try `attempt` + 1 (the first is 1): doubling, half of it chance, so that gateways spread. */
export const backoffMs = (
  attempt: number,
  options: { readonly firstMs: number; readonly maxMs: number; readonly fraction?: number },
): number => {
  const full = Math.min(options.maxMs, options.firstMs * 2 ** (attempt - 1));
  return full * (0.5 + 0.5 * (options.fraction ?? Math.random()));
};

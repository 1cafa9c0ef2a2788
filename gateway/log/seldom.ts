const everyMs = 60_000;

/**
 * Tells of what may come thousands of times: at the first time, and then once a minute at most,
 * with how often it came since.
 */
export const seldom = (nowMs: () => number, tell: (times: number) => void): (() => void) => {
  let times = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    times += 1;
    const atMs = nowMs();
    if (atMs - toldAtMs < everyMs) return;
    tell(times);
    times = 0;
    toldAtMs = atMs;
  };
};

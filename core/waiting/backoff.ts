/**
 * Waits that double from `first` to `max`. All in one unit, which the name of the
 * constant says: `retryMs`.
 */
export interface Backoff {
  readonly first: number;
  readonly max: number;
  /**
   * The share of a wait that is chance, from 0 to 1, so that those who failed
   * together come back apart.
   */
  readonly jitter: number;
}

/**
 * How long to wait after so many failures in a row, 1 at least, in the unit of `first` and `max`
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * @param fraction chance, in [0, 1)
 */
export const backoff = ({ first, max, jitter }: Backoff, failures: number, fraction: number): number =>
  Math.min(max, first * 2 ** (failures - 1)) * (1 - jitter + jitter * fraction);

/** What CloudTower refuses, as its ErrorBody says it. */
export class FakeRefusal extends Error {
  readonly status: number;
  /** ResourceLocked, for instance. */
  readonly code: string | undefined;

  constructor(status: number, message: string, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

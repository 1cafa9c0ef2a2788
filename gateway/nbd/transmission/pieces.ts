import { pieceBytes } from "../limits.ts";

/** Kept for the next; more are let go. */
const idleMax = 32;

/** Buffers of `pieceBytes` that are used again: new ones cost more than what is done with them. */
export class Pieces {
  readonly #idle: Buffer[] = [];

  async using<T>(work: (piece: Buffer) => Promise<T>): Promise<T> {
    const piece = this.#idle.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
    try {
      return await work(piece);
    } finally {
      if (this.#idle.length < idleMax) this.#idle.push(piece);
    }
  }
}

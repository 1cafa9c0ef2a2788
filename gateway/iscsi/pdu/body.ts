import { IscsiProtocolError } from "./protocol-error.ts";

/** Gathers the bodies that are small: text, sense. */
export class SmallBody {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @throws IscsiProtocolError */
  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#bytesMax)
      throw new IscsiProtocolError(`more than ${this.#bytesMax} bytes that are no data`);
    this.#pieces.push(Buffer.from(piece));
  }

  /** @returns what came since the last time */
  take(): Buffer {
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return whole;
  }
}

import type { TaskFate } from "./tasks.ts";

/** What goes wrong with a request. */
export type FakeFault =
  /** Something else is being done with it: an error with the code ResourceLocked. */
  | { readonly kind: "locked" }
  /** The token is not known any more. */
  | { readonly kind: "unauthorized" }
  /** The account lacks the right. */
  | { readonly kind: "forbidden" }
  /** The request is done or not, and the connection ends without an answer. */
  | { readonly kind: "lost-answer"; readonly isDone: boolean }
  /** Nothing is answered. */
  | { readonly kind: "silence" }
  /** The server fails in a way of its own. */
  | { readonly kind: "error"; readonly status: number; readonly message: string }
  /** The request is accepted, and its tasks come to this. */
  | { readonly kind: "task"; readonly fate: TaskFate };

interface Planned {
  readonly operation: string;
  readonly fault: FakeFault;
  readonly isMeant: (body: unknown) => boolean;
  left: number;
}

const anyOperation = "*";

/** What is to go wrong, by operation: `create-iscsi-lun`, or `*` for whichever comes. */
export class FakeFaults {
  readonly #planned: Planned[] = [];

  /** @param options.times so many requests that are meant; the next one unless told otherwise */
  add(
    operation: string,
    fault: FakeFault,
    { times = 1, isMeant = () => true }: { times?: number; isMeant?: (body: unknown) => boolean } = {},
  ): void {
    this.#planned.push({ operation, fault, isMeant, left: times });
  }

  /** How many are still to come. */
  get left(): number {
    return this.#planned.reduce((sum, { left }) => sum + left, 0);
  }

  clear(): void {
    this.#planned.length = 0;
  }

  /** What goes wrong with this request, which uses it up. */
  take(operation: string, body: unknown): FakeFault | undefined {
    const planned = this.#planned.find((fault) => {
      const isIt = fault.operation === anyOperation || `/${fault.operation}` === operation;
      return fault.left > 0 && isIt && fault.isMeant(body);
    });
    if (planned !== undefined) planned.left -= 1;
    return planned?.fault;
  }
}

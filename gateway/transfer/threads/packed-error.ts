import { VisibleError } from "../../../core/api/errors.ts";

/** An error as a message can carry it: of a class, only what is plain data arrives. */
export interface PackedError {
  readonly visible: Pick<VisibleError, "code" | "message" | "hint"> | undefined;
  /** Of a VisibleError, its cause. */
  readonly text: string | undefined;
}

export const packError = (error: unknown): PackedError => {
  const text = (value: unknown) => (value instanceof Error ? (value.stack ?? value.message) : String(value));
  if (!VisibleError.is(error)) return { visible: undefined, text: text(error) };
  const { code, message, hint, cause } = error;
  return { visible: { code, message, hint }, text: cause === undefined ? undefined : text(cause) };
};

export const unpackError = ({ visible, text }: PackedError): Error => {
  const cause = text === undefined ? {} : { cause: text };
  if (visible === undefined) return new Error("something failed in another thread", cause);
  const { code, message, hint } = visible;
  return new VisibleError(code, message, { ...(hint !== undefined && { hint }), ...cause });
};

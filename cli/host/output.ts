import { VisibleError } from "../../core/api/errors.ts";

/** What standard output does not take, by why it doesn't. */
export const outputFailed = (cause: unknown, consequence?: string): VisibleError => {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const { why, hint } = endings[String(code)] ?? {
    why: `${cause instanceof Error ? cause.message : cause}.`,
    hint: "See what it leads to.",
  };
  const message = `Standard output takes no more: ${why}${consequence === undefined ? "" : ` ${consequence}`}`;
  return new VisibleError("OUTPUT_FAILED", message, { hint, cause });
};

const full = { why: "there is no room left.", hint: "Free some room there, or send it elsewhere." };
const endings: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  ENOSPC: full,
  EDQUOT: full,
  EPIPE: { why: "whatever reads it has ended.", hint: "See why it has ended." },
};

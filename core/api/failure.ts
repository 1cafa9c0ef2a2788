import { type ErrorCode, VisibleError } from "./errors.ts";

/** What a log shows of an error. `stack` is for defects, which a person has to find in the code. */
export interface DescribedError {
  readonly code?: string;
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
  readonly cause?: DescribedError;
}

/** What a log is told of something that failed. */
export interface Failure {
  readonly err: unknown;
  readonly [field: string]: unknown;
}

type Thrown = Error & { readonly code?: unknown };

/**
 * What a host lacks when a program that runs on it fails, by Linux's names; what SQLite says of a
 * full disk is told by the emulator of DynamoDB.
 */
const lacking: readonly {
  readonly says: (error: Thrown) => boolean;
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}[] = [
  {
    says: ({ code, message }) => code === "ENOSPC" || code === "EDQUOT" || message.includes("disk is full"),
    code: "STORE_FULL",
    what: "has no space left on its disk",
    hint: "Free or add disk space there, then try again.",
  },
  {
    says: ({ code }) => code === "EMFILE" || code === "ENFILE",
    code: "TOO_FEW_DESCRIPTORS",
    what: "may not open more files",
    hint: "Let it open more, for instance with ulimit -n 4096, and start it again.",
  },
];

const depthMax = 8;

const causesOf = (error: unknown, depth = 0): readonly Thrown[] =>
  error instanceof Error && depth < depthMax ? [error, ...causesOf(error.cause, depth + 1)] : [];

/**
 * The failure that a person is to be told of: the error itself, or what `who` (“the control plane”)
 * lacks where that is behind it. Undefined for a defect.
 */
export const visibleFailure = (error: unknown, who: string): VisibleError | undefined => {
  if (VisibleError.is(error)) return error;
  const causes = causesOf(error);
  const found = lacking.find(({ says }) => causes.some(says));
  if (found === undefined) return undefined;
  const { code, what, hint } = found;
  return new VisibleError(code, `${who.charAt(0).toUpperCase()}${who.slice(1)} ${what}.`, { hint, cause: error });
};

/**
 * A link that can't be made or that broke, a name that is not found, a call that was called off.
 */
const linkCodes = /^(ECONN|EPIPE$|ETIMEDOUT$|EHOST|ENET|ENOTFOUND$|EAI_|ERR_TLS|ERR_SSL|CERT_|UND_ERR_|ABORT_ERR$)/;

/**
 * The code of a failure that was to be expected: our own, a broken link's, what a service refuses
 * by its name. Undefined for a defect.
 */
export const expectedCode = (error: unknown): string | undefined => {
  const visible = visibleFailure(error, "");
  if (visible !== undefined) return visible.code === "INTERNAL" ? undefined : visible.code;
  if (!(error instanceof Error)) return undefined;
  if (error.name === "CommitConflict") return "CONFLICT";
  // What AWS's SDK throws of what a service answered.
  if ("$metadata" in error) return error.name;
  const { code } = error as Thrown;
  if (typeof code === "string" && linkCodes.test(code)) return code;
  if (error.name === "AbortError" || error.name === "TimeoutError") return error.name;
  return error.cause === undefined ? undefined : expectedCode(error.cause);
};

/**
 * Expected, and for a person to look at all the same: a disk that is full, fails or gives
 * back something else.
 */
const alarming: ReadonlySet<string> = new Set<ErrorCode>([
  "CHECKSUM_MISMATCH",
  "DISK_FAILED",
  "FRAME_INVALID",
  "STORE_CORRUPT",
  "STORE_FULL",
  "TOO_FEW_DESCRIPTORS",
]);

/** Where a log says that something failed: a level of its own for what was to be expected. */
export const failureLevel = (error: unknown): "notice" | "warn" | "error" => {
  const code = expectedCode(error);
  if (code === undefined) return "error";
  return alarming.has(code) ? "warn" : "notice";
};

/**
 * An error for a log: code and message of one that was to be expected, and the stacks of a defect.
 */
export const describedError = (error: unknown): DescribedError =>
  described(error, { isExpected: expectedCode(error) !== undefined, depth: 0 });

const described = (
  error: unknown,
  options: { readonly isExpected: boolean; readonly depth: number },
): DescribedError => {
  if (!(error instanceof Error)) return { message: String(error) };
  const { isExpected, depth } = options;
  const { code = error.name, cause, stack } = error as Thrown;
  return {
    code: expectedCode(error) ?? String(code),
    message: error.message,
    ...(VisibleError.is(error) && error.hint !== undefined && { hint: error.hint }),
    ...(!isExpected && stack !== undefined && { stack }),
    ...(cause !== undefined && depth < depthMax && { cause: described(cause, { isExpected, depth: depth + 1 }) }),
  };
};

import { VisibleError } from "../../../core/api/errors.ts";

export const rawAllTheSame = "If it is a raw disk all the same: --format raw";

/** @returns the error for a file that can't be read, or is damaged */
export const unreadable = (message: string, options: { hint?: string; cause?: unknown } = {}): VisibleError =>
  new VisibleError("IMAGE_UNREADABLE", message, options);

/** @returns the error for a file that is whole, and no disk that can be taken as it is */
export const unsupported = (what: string, name: string, advice: string): VisibleError =>
  new VisibleError("IMAGE_UNSUPPORTED", `${what} is ${name}, not a disk image that can be imported as it is.`, {
    hint: `${/[.…]$/.test(advice) ? advice : `${advice}.`} ${rawAllTheSame}`,
  });

/** Does something with a file. @throws IMAGE_UNREADABLE for whatever goes wrong */
export const readable = async <T>(file: string, operation: Promise<T>): Promise<T> => {
  try {
    return await operation;
  } catch (error) {
    throw unreadable(`“${file}” cannot be read: ${error instanceof Error ? error.message : error}.`, {
      hint: "Look whether the path is right, and whether this user may read it.",
      cause: error,
    });
  }
};

import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { OutcomeUnknownError } from "../outcome.ts";
import { shownWords } from "../shown-words.ts";
import type { TowerAnswer, UnansweredError } from "./exchange.ts";

/** What CloudTower says of what it refuses. */
const refusalSchema = z.object({ code: z.string().nullish(), message: z.string().nullish() });

/** Who asked for what, for messages. */
export interface TowerAsked {
  readonly url: string;
  readonly user: string;
  readonly operation: string;
  /** What no message may hold. */
  readonly secrets: readonly string[];
}

const tooManyStatus = 429;
/** A proxy before CloudTower says that nobody answers behind it. */
const proxyStatuses: readonly number[] = [502, 503, 504];

/** What a change was refused for that another object's task holds. */
export const lockedCode = "ResourceLocked";

const codeIn = ({ json }: TowerAnswer): string => refusalSchema.safeParse(json).data?.code ?? "";

/** The cluster's own words, or its status. */
const wordsIn = ({ status, json }: TowerAnswer, secrets: readonly string[]): string => {
  const { code, message } = refusalSchema.safeParse(json).data ?? {};
  const words = [code, message].filter((text) => text !== undefined && text !== null && text !== "").join(": ");
  return words === "" ? `status ${status}` : shownWords(words, secrets);
};

/** What it means that CloudTower answered with anything but 200. */
export const refusalOf = (answer: TowerAnswer, asked: TowerAsked): VisibleError => {
  const { url, user, operation, secrets } = asked;
  const { status } = answer;
  const words = wordsIn(answer, secrets);
  if (codeIn(answer) === lockedCode || status === tooManyStatus) {
    return new VisibleError("CLUSTER_BUSY", `CloudTower at ${url} is busy with what ${operation} is about: ${words}.`, {
      hint: "It will be tried again. If it goes on, see in CloudTower's task list what holds the object.",
    });
  }
  if (status === 401 || status === 403) {
    return new VisibleError("CLUSTER_REFUSED", `CloudTower at ${url} refuses ${operation} to “${user}”: ${words}.`, {
      hint: "Give the account the rights that the documentation lists, on the cluster that is configured.",
    });
  }
  if (proxyStatuses.includes(status)) {
    return new VisibleError("CLUSTER_UNREACHABLE", `Nobody answers behind ${url}: ${words}.`, {
      hint: "See whether CloudTower is up.",
    });
  }
  if (status === 404) {
    return new VisibleError("NOT_FOUND", `CloudTower at ${url} does not know what ${operation} is about: ${words}.`, {
      hint: "See whether it was deleted meanwhile.",
    });
  }
  return new VisibleError("CLUSTER_TASK_FAILED", `CloudTower at ${url} refuses ${operation}: ${words}.`, {
    hint: "See CloudTower's task list and its events for more.",
    retryable: status >= 500,
  });
};

/** What it means that nothing came. */
export const unanswered = (error: UnansweredError, { url, operation }: TowerAsked): VisibleError => {
  if (error.isUntrusted) {
    return new VisibleError("CLUSTER_REFUSED", `The certificate of ${url} is not trusted: ${error.message}.`, {
      hint: "Name the authority of CloudTower's certificate with storage.tower.ca, and the host as the certificate does.",
      cause: error,
    });
  }
  return new VisibleError(
    "CLUSTER_UNREACHABLE",
    `CloudTower at ${url} did not answer ${operation}: ${error.message}.`,
    {
      hint: "See that storage.tower.url is its URL, that it is up, and that this host may go there.",
      cause: error,
    },
  );
};

/** The same of a change that may have been heard. */
export const outcomeUnknown = (cause: VisibleError): OutcomeUnknownError =>
  new OutcomeUnknownError("CLUSTER_UNREACHABLE", `${cause.message} Whether it was done is not known.`, {
    hint: "It is looked for before it is done again.",
    cause,
  });

/** A version of CloudTower that this one does not know, or somebody else. */
export const notUnderstood = ({ url, operation }: TowerAsked, error: z.ZodError | undefined): VisibleError => {
  const [issue] = error?.issues ?? [];
  const where = issue === undefined ? "it is no JSON" : `${issue.path.join(".") || "all of it"}: ${issue.code}`;
  return new VisibleError("CLUSTER_TASK_FAILED", `${url} answered ${operation} not as CloudTower does: ${where}.`, {
    hint: "See that storage.tower.url is CloudTower's URL, and that its version is one that the documentation names.",
    retryable: false,
  });
};

import type { GatewayAnswer } from "../../../core/api/answers.ts";
import { clockOffSecondsMax } from "../../../core/ports/clock.ts";
import type { Style } from "../style.ts";
import { table } from "../table.ts";
import { durationText, instantText } from "../units.ts";

const certificateTexts = { expired: "certificate expired", "not-yet-valid": "certificate not valid yet" } as const;

const clockText = ({ clockAheadSeconds = 0 }: GatewayAnswer): string | undefined => {
  const off = Math.abs(clockAheadSeconds);
  if (off <= clockOffSecondsMax) return undefined;
  return `clock ${durationText(off)} ${clockAheadSeconds > 0 ? "ahead" : "behind"}`;
};

/**
 * `alive`, `absent`, or what keeps one that is alive from its work: `certificate expired, clock 2 d
 * ahead`.
 */
export const gatewayStateText = (gateway: GatewayAnswer): string => {
  if (!gateway.alive) return "absent";
  const { certificateProblem } = gateway;
  const wrong = [certificateProblem && certificateTexts[certificateProblem], clockText(gateway)];
  return wrong.filter((text) => text !== undefined).join(", ") || "alive";
};

/** A site's gateways under each other. */
export const gatewayTable = (
  gateways: readonly GatewayAnswer[],
  { style, site }: { readonly style: Style; readonly site: string },
): string =>
  table(
    gateways,
    [
      { title: "GATEWAY", value: ({ id }) => id, paint: style.strong },
      {
        title: "STATE",
        value: gatewayStateText,
        paint: (text) => (text === "alive" ? style.good(text) : style.bad(text)),
      },
      { title: "ENDPOINT", value: ({ endpoint }) => endpoint },
      { title: "TUNNEL", value: ({ tunnel }) => tunnel },
      { title: "STORAGE", value: ({ storage }) => storage },
      { title: "VERSION", value: ({ version }) => version },
      { title: "LAST SEEN", value: ({ lastSeenAt }) => instantText(lastSeenAt) },
    ],
    {
      style,
      none: `No gateway of site ${site} has been heard of. Start one with: smtx-backup gateway run -c gateway.yaml`,
    },
  );

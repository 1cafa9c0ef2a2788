import type { Command } from "commander";
import { VisibleError } from "../../core/api/errors.ts";
import { type GatewayId, gatewayIdSchema } from "../../core/api/ids.ts";
import { answerOf } from "../context/client.ts";
import type { Host } from "../host/host.ts";
import { checkedBy, siteOption } from "../input/options.ts";
import { instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";

const gatewayId = checkedBy(gatewayIdSchema);
const tokenVariable = "SMTX_BACKUP_ENROLMENT_TOKEN";

/** How gateways come and go. */
export const addEnrolmentCommands = (gateway: Command, answering: Answering): void => {
  gateway
    .command("invite")
    .description("make a token with which a gateway can enrol, once, within 15 minutes")
    .argument("<gateway>", "its name", gatewayId)
    .addOption(siteOption("whose gateway it is").makeOptionMandatory())
    .action(
      answering(async (context, id: GatewayId, { site }: { site: string }) => {
        const api = await context.connect();
        const answer = await answerOf(
          api.v1.sites[":site"].enrolments.$post({ param: { site }, json: { gatewayId: id } }),
        );
        const text = [
          answer.token,
          `It is shown once, and good until ${instantText(answer.expiresAt)}. On the gateway's host, give it to:`,
          "  smtx-backup gateway enrol -c gateway.yaml",
        ].join("\n");
        return { json: answer, text };
      }),
    );
  gateway
    .command("enrol")
    .description(
      `make this gateway's key and have its certificate issued; the token comes from standard input or ${tokenVariable}`,
    )
    .requiredOption(
      "-c, --config <file>",
      "its configuration, gateway.yaml, which says where the control plane is (api)",
    )
    .action(
      answering(async ({ host, style }, { config }: { config: string }) => {
        const token = await enrolmentToken(host);
        const answer = await host.enrolGateway(config, { token, signal: host.signal });
        const until = instantText(answer.expiresAt);
        const text = `${style.good("Enrolled")}; the certificate is good until ${until}, and the gateway renews it by then.`;
        return { json: answer, text };
      }),
    );
  gateway
    .command("remove")
    .description("remove a gateway: its certificates are revoked, and within a minute no other believes them")
    .argument("<gateway>", "its name", gatewayId)
    .addOption(siteOption("whose gateway it is").makeOptionMandatory())
    .action(
      answering(async (context, id: GatewayId, { site }: { site: string }) => {
        const api = await context.connect();
        const param = { site, gateway: id };
        const answer = await answerOf(api.v1.sites[":site"].gateways[":gateway"].$delete({ param }));
        const { revoked } = answer;
        const what = revoked === 1 ? "1 certificate is" : `${revoked} certificates are`;
        const more =
          revoked === 0
            ? " It had none from here that is good: if it has one that you have signed, revoke that yourself."
            : "";
        return { json: answer, text: `${id} is removed from ${site}; ${what} revoked.${more}` };
      }),
    );
};

/** Never on the command line, where every user of the host could read it. */
const enrolmentToken = async (host: Host): Promise<string> => {
  const token = (host.env[tokenVariable] || (await host.readInput())).trim();
  if (token !== "") return token;
  throw new VisibleError("UNAUTHENTICATED", "There is no enrolment token.", {
    hint: `Give one on standard input or in ${tokenVariable}. To make one: smtx-backup gateway invite GATEWAY --site SITE`,
  });
};

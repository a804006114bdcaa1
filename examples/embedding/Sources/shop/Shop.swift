// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Logging
import ReeveGateway

/// A web application with pages of its own, which serves reeve's interface below `/supervisor`.
///
/// The environment says the rest: PORT, SUPERVISOR_TOKEN for those who may act, and REEVE_SOCKET where the supervisor is
/// in no usual place.
@main struct Shop {
    static func main() async throws {
        let environment = Environment()
        let gateway = Gateway(
            SupervisorLink(socket: environment.get("REEVE_SOCKET")),
            admission: GatewayAdmission(
                tokens: try GatewayTokens(control: environment.get("SUPERVISOR_TOKEN"))))

        let router = Router()
        router.get("/") { _, _ in "welcome to the shop\n" }
        gateway.addRoutes(to: router.group("/supervisor"))

        let port = environment.get("PORT").flatMap(Int.init) ?? 8080
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            logger: Logger(label: "shop"))
        try await application.runService()
    }
}

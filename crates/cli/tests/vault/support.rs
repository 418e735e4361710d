//! A store, its server and its operator. The folder and the server are shared with the other
//! end-to-end tests.

use std::{fmt::Write as _, fs, net::TcpListener, process::Command};

use serde_json::Value;
use terra_auth::{Environment, admin::AdminClient, wire::admin::ChangeEnvironment};
use terra_auth_cli_testkit::{CommandOutput, Folder, Server, until};
use terra_auth_testkit::{Database, Postgres};

/// The file with the master keys.
pub(crate) const KEY: &str = "master.key";

/// A folder with the keys of one server. The store is in the folder or in PostgreSQL.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    database: Option<Database>,
    port: u16,
}

impl Site {
    pub(crate) fn sqlite() -> Self {
        Self::with(None)
    }

    pub(crate) fn postgres() -> Self {
        Self::with(Some(Postgres::start().database()))
    }

    fn with(database: Option<Database>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let site = Self { folder: Folder::new(), database, port };
        site.keys("1");
        site
    }

    /// Writes master keys to the file, each a repeated digit; the first is the current one.
    pub(crate) fn keys(&self, digits: &str) {
        let keys: Vec<_> = digits.chars().map(|digit| digit.to_string().repeat(64)).collect();
        self.folder.write(KEY, &keys.join("\n"));
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = self.folder.command(arguments);
        command.env("TERRA_AUTH_MASTER_KEY_FILE", KEY);
        command.envs(self.database.as_ref().map(|database| ("TERRA_AUTH_STORE", database.url())));
        command.envs(fs::read_to_string(self.folder.path("admin-token")).ok().map(|it| ("TERRA_AUTH_ADMIN_TOKEN", it)));
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> CommandOutput {
        CommandOutput::of(&mut self.command(arguments))
    }

    /// The JSON output of a command, which must succeed.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        let answer = self.run(&format!("{arguments} --output json"));
        assert_eq!(answer.code, 0, "{arguments}: {answer}");
        serde_json::from_str(&answer.stdout).unwrap()
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_on(self.port)
    }

    /// Starts a server on a port; 0 is a free one. On another port, it is another node.
    pub(crate) fn serve_on(&self, port: u16) -> Server {
        Server::start(&mut self.command(&serving(port)))
    }

    /// The arguments that start a server.
    pub(crate) fn serving(&self) -> String {
        serving(self.port)
    }

    /// Starts a server for the first time, with a testing and a production environment, and saves
    /// its admin token for the commands.
    pub(crate) fn first_start(&self) -> Server {
        let arguments = format!("{} --create-environment testing --create-environment production", self.serving());
        let server = Server::start(&mut self.command(&arguments));
        let shown = until("the admin token is shown", || {
            let text = server.stderr();
            let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.find(|word| word.starts_with("ta_admin_")).map(str::to_owned)
        });
        self.folder.write("admin-token", &shown);
        server
    }

    /// Sets `keep_user_id` for the testing environment.
    #[tokio::main(flavor = "current_thread")]
    pub(crate) async fn keep_user_ids(&self, server: &Server) {
        let token = self.folder.read("admin-token").as_str().into();
        let admin = AdminClient::new(&server.origin().parse().unwrap(), &token).unwrap();
        let change = ChangeEnvironment { keep_user_id: Some(true), ..ChangeEnvironment::default() };
        let dev_id = self.folder.credentials(Environment::Testing).dev_id;
        admin.change_environment(&dev_id, &change).await.unwrap();
    }

    /// Imports a number of grants into the production environment, which has no user limit.
    pub(crate) fn import(&self, grants: usize) {
        let mut text = "provider,account,reference_id,access_token,refresh_token,expires_at\n".to_owned();
        for n in 0..grants {
            let _ = writeln!(text, "OURA,{n},user-{n},access-{n}-not-a-secret,refresh-{n}-not-a-secret,4070908800");
        }
        self.folder.write("grants.csv", &text);
        let done = self.json("connections import grants.csv --env production");
        assert_eq!(done["imported"], grants);
    }

    /// The complete content of the store, while no server uses it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Some(database) = &self.database else {
            return fs::read(self.folder.path(".terra-auth/terra-auth.db")).unwrap();
        };
        database.dump().into_bytes()
    }
}

fn serving(port: u16) -> String {
    format!("serve --sandbox --output json --listen 127.0.0.1:{port}")
}

use std::{
    path::Path,
    process::{Command, Stdio},
};

#[test]
fn three_environments_rotate_and_revoke_without_a_failed_call() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/three-environments.sh");
    let output = Command::new(script).arg(env!("CARGO_BIN_EXE_terra-auth")).stdin(Stdio::null()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert!(text.contains("calls, 0 failed") && text.trim_end().ends_with("== all of it holds"), "{text}");
}

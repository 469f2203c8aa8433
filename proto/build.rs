//! Generates the messages, clients and servers of the `.proto` files; protox reads them, so that no protoc is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = [
        "src/failure.proto",
        "src/registrar.proto",
        "src/directory.proto",
        "src/media.proto",
        "src/application.proto",
        "src/waiting.proto",
    ];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(files, ["src"])?;
    tonic_prost_build::configure().build_transport(true).include_file("wire.rs").compile_fds(descriptors)?;
    Ok(())
}

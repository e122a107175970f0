"""`kiosk completion`: the script that lets a shell complete this command, made by click."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash: kiosk completion bash | sudo tee /etc/bash_completion.d/kiosk
    zsh:  kiosk completion zsh > ~/.zfunc/_kiosk
    fish: kiosk completion fish > ~/.config/fish/completions/kiosk.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is None:  # click dropped one of its shells
        raise click.ClickException(f"click knows no completion for {shell}")
    click.echo(made(ctx.find_root().command, {}, "kiosk", "_KIOSK_COMPLETE").source())

# Homebrew formula of lopace: `brew install --HEAD ./scripts/packaging/lopace.rb` in a clone of the
# source; a release sets url and sha256 of its archive.
class Lopace < Formula
  desc "Store LLM prompts losslessly in a third to a fifth of their size"
  license "MIT"
  head "file://#{File.expand_path("../..", __dir__)}", using: :git, branch: "main"

  depends_on "pkgconf" => :build
  depends_on "libmicrohttpd"
  depends_on "openssl@3"
  depends_on "pcre2"
  depends_on "sqlite"
  depends_on "zstd"

  def install
    system "make", "all", "sqlite-units", "PREFIX=#{prefix}"
    system "make", "install", "PREFIX=#{prefix}"
    # macOS has an lpstat of its own: `lopace stat` runs this one
    (libexec/"lopace").install bin/"lpstat"
    man1.install man1/"lpstat.1" => "lopace-stat.1"
    rm bash_completion/"lpstat"
    rm fish_completion/"lpstat.fish"
  end

  test do
    (testpath/"prompt.txt").write("You are a helpful assistant.\n")
    system bin/"lopace", "prompt.txt"
    assert_equal (testpath/"prompt.txt").read, shell_output("#{bin}/lopace -d -c prompt.txt.lp")
    assert_match "Smallest as a blob: mix", shell_output("#{bin}/lopace stat prompt.txt")
  end
end
